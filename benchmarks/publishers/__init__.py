"""The processes that publish events into servers while the load generator listens, one file for each way in."""
