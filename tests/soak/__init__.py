"""Two companies at work for an hour with every kind of trouble: does anything grow, leak or slow down?"""
