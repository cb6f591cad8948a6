"""Tests of how Parley is deployed: the files, the page that describes them, and the doctor."""
