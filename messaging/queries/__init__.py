"""Every read. Each answers what its name says, for one user, having asked `access` what they may see."""
