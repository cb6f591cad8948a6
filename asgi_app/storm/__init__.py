"""A load and chaos kit: simulated people on a running test deployment, faults meanwhile, and a verdict.

`people.py` are who posts and follows, `weather.py` what befalls them, `run.py` one run, `history.py` what they did and saw,
and whether that kept the promise. It speaks to the deployment as any client does; only accounts are made, and logs read,
at the database.
"""
