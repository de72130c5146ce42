"""One module a released schema; none is changed after its release."""
