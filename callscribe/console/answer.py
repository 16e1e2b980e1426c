"""What all answers of the API share."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A value."""

    model_config = ConfigDict(frozen=True)
