"""The commands of the platforms: `telegram`, `prepare_chat`, `simulate`."""
