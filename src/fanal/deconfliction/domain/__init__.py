"""Rules of de-confliction: points, messages, sets, limits, states. Pure."""
