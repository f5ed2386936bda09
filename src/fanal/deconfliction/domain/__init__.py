"""Pure rules of deconfliction: curve points, messages, sets, sharing limits, states."""
