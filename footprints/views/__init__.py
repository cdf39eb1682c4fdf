"""The pages of the register: a module for each thing they show."""
