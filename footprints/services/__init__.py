"""The register's deeds: each one a function, each in one transaction."""
