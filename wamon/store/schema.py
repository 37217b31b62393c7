"""The statements of the schema's steps. A step that was released is never edited: a further one follows it."""

from typing import Final

HEALTH_ALERTS_OUTBOX: Final = (
    """
    CREATE TABLE instance (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        install_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        moment_at INTEGER,
        moment_boot_id TEXT,
        moment_monotonic REAL
    ) STRICT
    """,
    """
    CREATE TABLE facts (
        subject_kind TEXT NOT NULL,
        subject_labels TEXT NOT NULL,
        signal TEXT NOT NULL,
        value TEXT,
        raw TEXT,
        known TEXT,
        before TEXT,
        observed_at INTEGER NOT NULL,
        changed_at INTEGER,
        stale_at INTEGER NOT NULL,
        is_current INTEGER NOT NULL,
        source TEXT NOT NULL,
        PRIMARY KEY (subject_kind, subject_labels, signal)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE history (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        subject_kind TEXT NOT NULL,
        subject_labels TEXT NOT NULL,
        signal TEXT NOT NULL,
        before TEXT,
        after TEXT,
        raw TEXT,
        source TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX history_by_time ON history (at)",
    """
    CREATE TABLE alerts (
        key TEXT PRIMARY KEY,
        rule TEXT NOT NULL,
        subject_kind TEXT NOT NULL,
        subject_labels TEXT NOT NULL,
        state TEXT NOT NULL,
        severity INTEGER NOT NULL,
        since INTEGER NOT NULL,
        last_observed_at INTEGER NOT NULL,
        last_confirmed_at INTEGER NOT NULL,
        episode INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        is_stale INTEGER NOT NULL,
        opened_at INTEGER,
        counted INTEGER NOT NULL,
        credited INTEGER NOT NULL,
        lower_credited INTEGER NOT NULL,
        unknown_since INTEGER,
        returns INTEGER NOT NULL,
        what TEXT NOT NULL,
        evidence TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE alert_transitions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL,
        rule TEXT NOT NULL,
        subject_kind TEXT NOT NULL,
        subject_labels TEXT NOT NULL,
        episode INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        kind TEXT NOT NULL,
        severity INTEGER NOT NULL,
        at INTEGER NOT NULL,
        observed_at INTEGER NOT NULL,
        opened_at INTEGER NOT NULL,
        last_confirmed_at INTEGER NOT NULL,
        returns INTEGER NOT NULL,
        what TEXT NOT NULL,
        evidence TEXT NOT NULL,
        close_reason TEXT,
        UNIQUE (key, episode, ordinal)
    ) STRICT
    """,
    "CREATE INDEX alert_transitions_by_time ON alert_transitions (at)",
    """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        transition_seq INTEGER NOT NULL REFERENCES alert_transitions (seq),
        alert_key TEXT NOT NULL,
        receiver TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'sending', 'done', 'dead')),
        attempts INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        attempted_at INTEGER,
        finished_at INTEGER,
        is_possible_duplicate INTEGER NOT NULL DEFAULT 0,
        last_reason TEXT,
        problem TEXT,
        channel TEXT,
        message_id TEXT,
        UNIQUE (transition_seq, receiver)
    ) STRICT
    """,
    "CREATE INDEX outbox_by_state ON outbox (state, id)",
    "CREATE INDEX outbox_waiting ON outbox (alert_key, receiver, id) WHERE state IN ('due', 'sending')",
    "CREATE INDEX outbox_problems ON outbox (receiver) WHERE problem IS NOT NULL",
    """
    CREATE TABLE counters (
        name TEXT NOT NULL,
        labels TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (name, labels)
    ) STRICT, WITHOUT ROWID
    """,
)

LEDGER: Final = (
    # `day` leads the key, so that what is written lies together and age is a range; negative is a day of receipt.
    """
    CREATE TABLE messages (
        day INTEGER NOT NULL,
        digest BLOB NOT NULL,
        first_at INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        sent_at INTEGER,
        delivered_at INTEGER,
        error_code INTEGER,
        category ANY,
        PRIMARY KEY (day, digest)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE tally_journal (
        seq INTEGER PRIMARY KEY,
        tally TEXT NOT NULL,
        entries TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE tallies (
        bucket INTEGER NOT NULL,
        figure TEXT NOT NULL,
        waba_id TEXT NOT NULL,
        phone_number_id TEXT NOT NULL,
        label TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (bucket, figure, waba_id, phone_number_id, label)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE notices (
        digest BLOB PRIMARY KEY,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX notices_by_time ON notices (at)",
    """
    CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        reason TEXT NOT NULL,
        skeleton TEXT NOT NULL
    ) STRICT
    """,
)

TELLING: Final = (
    "ALTER TABLE alerts ADD COLUMN is_rehearsal INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE alert_transitions ADD COLUMN group_id INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE alert_transitions ADD COLUMN actor TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE alert_transitions ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE alert_transitions ADD COLUMN is_rehearsal INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX alert_transitions_by_group ON alert_transitions (group_id, seq) WHERE group_id > 0",
    """
    CREATE TABLE groups (
        id INTEGER PRIMARY KEY,
        family TEXT NOT NULL,
        app_id TEXT NOT NULL,
        waba_id TEXT NOT NULL,
        opened_at INTEGER NOT NULL,
        closed_at INTEGER,
        members TEXT NOT NULL,
        pending TEXT NOT NULL,
        waiting_since INTEGER,
        sequence INTEGER NOT NULL,
        told_at INTEGER,
        urgent_at INTEGER,
        revision INTEGER NOT NULL,
        storm_id INTEGER,
        is_storm INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX groups_live ON groups (id) WHERE closed_at IS NULL",
    "CREATE INDEX groups_of_storm ON groups (storm_id) WHERE storm_id IS NOT NULL",
    """
    CREATE TABLE standings (
        key TEXT PRIMARY KEY,
        group_id INTEGER NOT NULL,
        told INTEGER,
        told_to TEXT NOT NULL,
        latest TEXT,
        critical_since INTEGER,
        escalated INTEGER NOT NULL,
        acknowledged TEXT,
        muted TEXT,
        muted_by TEXT NOT NULL,
        released_at INTEGER,
        penalty REAL NOT NULL,
        penalty_at INTEGER,
        flapping_since INTEGER,
        changes INTEGER NOT NULL,
        ends_at INTEGER,
        is_inhibited INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE silences (
        id TEXT PRIMARY KEY,
        matchers TEXT NOT NULL,
        reason TEXT NOT NULL,
        author TEXT NOT NULL,
        starts_at INTEGER NOT NULL,
        ends_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE acts (
        id TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        deed TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE desk (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        last_group_id INTEGER NOT NULL,
        first_told_ats TEXT NOT NULL,
        storm_id INTEGER,
        digest_at INTEGER,
        silenced_digest_at INTEGER
    ) STRICT
    """,
    """
    CREATE TABLE attempts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        reference TEXT NOT NULL UNIQUE,
        receiver TEXT NOT NULL,
        group_id INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        looks INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL CHECK (state IN ('sending', 'unconfirmed', 'over'))
    ) STRICT
    """,
    "CREATE INDEX attempts_under_way ON attempts (receiver) WHERE state = 'sending'",
    "DROP INDEX outbox_by_state",
    "DROP INDEX outbox_waiting",
    "DROP INDEX outbox_problems",
    "ALTER TABLE outbox RENAME TO outbox_of_alerts",
    """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        group_id INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        receiver TEXT NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'sending', 'done', 'dead')),
        attempts INTEGER NOT NULL DEFAULT 0,
        attempt_id INTEGER REFERENCES attempts (id),
        created_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        attempted_at INTEGER,
        finished_at INTEGER,
        is_broadcast INTEGER NOT NULL DEFAULT 0,
        mentions INTEGER NOT NULL DEFAULT 0,
        note TEXT NOT NULL DEFAULT '',
        because TEXT NOT NULL DEFAULT '',
        last_reason TEXT,
        problem TEXT
    ) STRICT
    """,
    "CREATE UNIQUE INDEX outbox_once ON outbox (group_id, receiver, sequence) WHERE group_id > 0",
    "CREATE INDEX outbox_by_state ON outbox (state, id)",
    "CREATE INDEX outbox_waiting ON outbox (receiver, group_id, id) WHERE state IN ('due', 'sending')",
    "CREATE INDEX outbox_problems ON outbox (receiver) WHERE problem IS NOT NULL",
    "CREATE INDEX outbox_by_attempt ON outbox (attempt_id) WHERE attempt_id IS NOT NULL",
    """
    CREATE TABLE outbox_items (
        outbox_id INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        transition_seq INTEGER NOT NULL REFERENCES alert_transitions (seq),
        receiver TEXT,
        PRIMARY KEY (outbox_id, position)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX news_once ON outbox_items (transition_seq, receiver) WHERE receiver IS NOT NULL",
    "CREATE INDEX outbox_items_by_transition ON outbox_items (transition_seq)",
    """
    CREATE TABLE threads (
        receiver TEXT NOT NULL,
        group_id INTEGER NOT NULL,
        channel TEXT,
        message_id TEXT,
        shown_revision INTEGER NOT NULL,
        wanted_revision INTEGER NOT NULL,
        lost_channel TEXT,
        lost_message_id TEXT,
        PRIMARY KEY (receiver, group_id)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX threads_stale ON threads (receiver, group_id) WHERE shown_revision < wanted_revision",
    "CREATE INDEX threads_of_group ON threads (group_id)",
)

# What the old outbox holds is carried over: each alert that is open, or of which something is still owed, becomes a
# group of its own. What was told before stays told; what was being sent may have arrived.
CARRY_OVER: Final = (
    """
    INSERT INTO groups (id, family, app_id, waba_id, opened_at, closed_at, members, pending, sequence, told_at,
                        revision, is_storm)
    SELECT row_number() OVER (ORDER BY a.key), a.rule, '', coalesce(a.subject_labels ->> 'waba_id', ''),
           coalesce(a.opened_at, a.since), iif(a.state IN ('firing', 'recovering'), NULL, a.last_observed_at),
           json_array(a.key), '[]',
           (SELECT count(*) FROM outbox_of_alerts o WHERE o.alert_key = a.key AND o.state <> 'done'),
           (SELECT max(created_at) FROM outbox_of_alerts o WHERE o.alert_key = a.key), 1, 0
    FROM alerts a
    WHERE a.state IN ('firing', 'recovering')
       OR EXISTS (SELECT 1 FROM outbox_of_alerts o WHERE o.alert_key = a.key AND o.state <> 'done')
    """,
    """
    UPDATE alert_transitions SET group_id = coalesce((
        SELECT g.id FROM groups g JOIN alerts a ON g.members = json_array(a.key)
        WHERE a.key = alert_transitions.key AND (a.episode = alert_transitions.episode OR EXISTS (
            SELECT 1 FROM outbox_of_alerts o WHERE o.transition_seq = alert_transitions.seq AND o.state <> 'done'
        ))
    ), 0)
    """,
    """
    INSERT INTO standings (key, group_id, told, told_to, latest, critical_since, escalated, muted_by, penalty, changes,
                           is_inhibited)
    SELECT a.key, g.id, a.severity,
           (SELECT json_group_array(DISTINCT o.receiver) FROM outbox_of_alerts o
            JOIN alert_transitions t ON t.seq = o.transition_seq
            WHERE t.key = a.key AND t.episode = a.episode),
           (SELECT json_array(t.key, t.episode, t.ordinal, t.kind, t.severity, json('false')) FROM alert_transitions t
            WHERE t.key = a.key AND t.episode = a.episode AND t.kind IN ('open', 'raise') ORDER BY t.seq DESC LIMIT 1),
           iif(a.severity = 3, a.opened_at, NULL), 0, '', 0.0, 0, 0
    FROM alerts a JOIN groups g ON g.members = json_array(a.key)
    WHERE a.state IN ('firing', 'recovering')
    """,
    """
    INSERT INTO attempts (reference, receiver, group_id, started_at, state)
    SELECT 'before-' || o.id, o.receiver, t.group_id, coalesce(o.attempted_at, o.created_at), 'unconfirmed'
    FROM outbox_of_alerts o JOIN alert_transitions t ON t.seq = o.transition_seq
    WHERE o.state = 'sending' OR (o.state = 'due' AND o.is_possible_duplicate)
    """,
    """
    INSERT INTO outbox (id, group_id, sequence, receiver, kind, state, attempts, attempt_id, created_at, due_at,
                        attempted_at, finished_at, last_reason, problem)
    SELECT o.id, t.group_id, row_number() OVER (PARTITION BY t.group_id, o.receiver ORDER BY o.id), o.receiver, 'news',
           iif(o.state = 'sending', 'due', o.state), o.attempts,
           (SELECT id FROM attempts WHERE reference = 'before-' || o.id), o.created_at, o.due_at, o.attempted_at,
           o.finished_at, o.last_reason, o.problem
    FROM outbox_of_alerts o JOIN alert_transitions t ON t.seq = o.transition_seq WHERE o.state <> 'done'
    """,
    """
    INSERT INTO outbox_items (outbox_id, position, transition_seq, receiver)
    SELECT o.id, 0, o.transition_seq, o.receiver FROM outbox_of_alerts o WHERE o.state <> 'done'
    """,
    "DROP TABLE outbox_of_alerts",
)

MARKERS: Final = (
    """
    CREATE TABLE markers (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        title TEXT NOT NULL,
        source TEXT NOT NULL,
        text TEXT NOT NULL,
        link TEXT NOT NULL,
        tags TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX markers_by_time ON markers (at)",
)

KNOWN_BEFORE: Final = (
    "ALTER TABLE history ADD COLUMN known_before TEXT",
    """
    UPDATE history SET known_before = earlier.known
    FROM (
        SELECT id, coalesce(before, lag(before) OVER (PARTITION BY subject_kind, subject_labels, signal ORDER BY id))
            AS known
        FROM history
    ) AS earlier
    WHERE earlier.id = history.id AND earlier.known IS NOT NULL
    """,
)
