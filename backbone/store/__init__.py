"""What is remembered: tables, one module for each noun, and the engine that runs transactions."""
