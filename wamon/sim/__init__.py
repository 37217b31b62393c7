"""A simulated Meta and a fake Slack for the demo, drills and tests; it imports nothing of the product.

It is written from Meta's and Slack's documents, not from our parsers, so that both sides can disagree.
"""
