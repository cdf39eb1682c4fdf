"""Two plans, or two days of one, beside each other: what each holds, and what moves."""
