"""Tests of the load and chaos kit, and what it shows of deploys that nobody is to notice."""
