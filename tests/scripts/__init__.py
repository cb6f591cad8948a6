"""Tests of the commands of a checkout."""
