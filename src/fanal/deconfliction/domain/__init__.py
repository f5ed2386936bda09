"""Pure rules of deconfliction: curve points, messages, blinded sets, sharing limits, states."""
