"""Declaring steps and making a graph of them."""
