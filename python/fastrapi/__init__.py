"""FastAPI applications served by fastrd."""
