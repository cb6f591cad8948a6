"""The core: tables, events, commands, access, the log, queries and actions. Knows no HTTP and no sockets."""
