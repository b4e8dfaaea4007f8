"""Models between people: what there is, bringing one in, taking one away, its card, its removal. No torch."""
