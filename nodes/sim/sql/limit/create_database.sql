-- The product's database on a fresh server.
CREATE DATABASE aisle
