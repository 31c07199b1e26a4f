"""What a key-account manager steers with: goals, the balanced scorecard, the sales forecast, variable pay. Pure."""

from kamstream.goals.card import Card, Measure, Perspective, default_card
from kamstream.goals.documents import Board, Progress
from kamstream.goals.target import Goal, attainment

__all__ = ["Board", "Card", "Goal", "Measure", "Perspective", "Progress", "attainment", "default_card"]
