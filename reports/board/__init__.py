"""The first screen and the leaderboard as text and numbers: the question, its answer, the rows."""
