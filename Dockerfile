FROM python:3.13-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# The libraries first: this layer stays while only our own code changes.
COPY requirements.lock requirements-build.lock ./
RUN python -m venv --without-pip /opt/wamon \
    && python -m pip --python /opt/wamon/bin/python install --require-hashes --only-binary :all: -r requirements.lock \
    && python -m pip install --require-hashes --only-binary :all: -r requirements-build.lock

COPY pyproject.toml LICENSE README.md ./
COPY wamon ./wamon
COPY docs/runbooks ./docs/runbooks
RUN python -m pip wheel --no-deps --no-build-isolation --no-index --wheel-dir dist . \
    && python -m pip --python /opt/wamon/bin/python install --no-deps --no-index dist/*.whl


FROM python:3.13-slim-bookworm

# pip has compiled everything in /opt/wamon, so nothing needs to be written beside the code.
ENV PATH=/opt/wamon/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    WAMON_DATABASE=/var/lib/wamon/wamon.db \
    WAMON_PRIVATE_LISTEN=0.0.0.0:9877

COPY --from=build /opt/wamon /opt/wamon
RUN install -d -o 10001 -g 10001 -m 0750 /var/lib/wamon

# The root file system may be read-only: the database, and SQLite's temporary files by way of the working directory,
# are in the volume. The user is a number so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /var/lib/wamon
VOLUME ["/var/lib/wamon"]

# 8080 is for the internet (webhooks), 9877 is not (metrics, pages): publish them apart.
EXPOSE 8080 9877
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["wamon", "healthcheck"]
ENTRYPOINT ["wamon"]
CMD ["run"]
