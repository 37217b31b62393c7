"""The boards, one module each; `dashboards/build.py` lists them."""
