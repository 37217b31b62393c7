"""What people are shown of the accounts: plain values, made from the state by pure functions."""
