"""Business rules, one module a resource: what neither the schemas nor the database can say."""
