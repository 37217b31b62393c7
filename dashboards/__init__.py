"""The Grafana dashboards of wamon as code: `python dashboards/build.py` writes the JSON files beside it."""
