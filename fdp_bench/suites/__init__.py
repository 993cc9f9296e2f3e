"""Suites: experiments as TOML files, and what plans, trains, evaluates and resumes them."""
