"""What a study could tell, before anyone is asked."""
