"""A plan in the files that other systems load: Salesforce Sales Territories and Veeva Align."""
