"""Our side's deeds: each one a function, each in one transaction."""
