"""Stand-ins with LeRobot's interface, for the toy task."""

from types import SimpleNamespace

import torch

CAMERA = "observation.images.front"


def feature(*shape):
    return SimpleNamespace(shape=shape)


class StubModel(torch.nn.Module):
    """What the adapter uses of a `PreTrainedPolicy`."""

    name = "stub"

    def __init__(self, **config):
        super().__init__()
        images = {CAMERA: feature(3, 32, 32)}
        self.config = SimpleNamespace(
            input_features={"observation.state": feature(2), **images},
            image_features=images,
            action_feature=feature(2),
            n_obs_steps=1,
            n_action_steps=3,
            horizon=8,
            **config,
        )


class Chunks(StubModel):
    """Like ACT: the latest observation alone, a chunk longer than what is executed."""

    def predict_action_chunk(self, batch):
        assert batch["observation.state"].shape[1:] == (2,)
        assert batch[CAMERA].shape[1:] == (3, 32, 32)
        seen = batch["observation.state"] + batch[CAMERA].mean(dim=(1, 2, 3))[:, None]
        return torch.sin(7 * seen[:, None, :] + torch.arange(5.0)[:, None])


class Sampling(Chunks):
    """Draws from torch's generator, as policies of others do."""

    def predict_action_chunk(self, batch):
        chunk = super().predict_action_chunk(batch)
        return chunk + torch.randn(chunk.shape)


class Diffusing(StubModel):
    """Like LeRobot's diffusion policy: a history, noise to start from, and draws of its own in DDPM's steps."""

    name = "diffusion"

    def __init__(self, scheduler):
        super().__init__(noise_scheduler_type=scheduler)
        self.config.n_obs_steps = 2
        self.diffusion = SimpleNamespace(generate_actions=self._generate)

    def _generate(self, batch, noise):
        assert batch["observation.images"].shape[1:] == (2, 1, 3, 32, 32)
        seen = (
            batch["observation.state"].sum(dim=1)
            + batch["observation.images"].mean(dim=(1, 2, 3, 4, 5))[:, None]
        )
        drawn = torch.randn(noise.shape) if self.config.noise_scheduler_type == "DDPM" else 0.0
        return (torch.sin(seen)[:, None] + noise + drawn)[:, 1:4] / 4
