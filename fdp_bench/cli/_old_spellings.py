"""Command lines as they were written before all commands had the same habits; each is answered with the new one."""

from collections.abc import Sequence

#: Subcommand -> option as it was -> the option that takes one value each time.
_RENAMED = {
    "demos": {"--num": "--num-demos"},
    "sweep": {
        "--policies": "--policy",
        "--shifts": "--shift",
        "--tasks": "--task",
        "--train-seeds": "--train-seed",
    },
}
#: What `fdp-bench demos` did by option, and the action that does it now.
_DEMOS_ACTIONS = {"--import": "import", "--to-lerobot": "export", "--pack": "pack", "--card": "card"}
_HELP = ("-h", "--help", "--debug")


def new_spelling(name: str, arguments: Sequence[str]) -> list[str]:
    """A subcommand's arguments as they are written now; the same where they are.

    Args:
        name: The subcommand.
        arguments: What was typed behind it.
    """
    words = _renamed(arguments, _RENAMED.get(name, {}))
    options = [word for word in arguments if word not in _HELP]
    if name == "demos" and options and options[0].startswith("-"):
        return _with_action(words)
    return words


def _renamed(arguments: Sequence[str], names: dict[str, str]) -> list[str]:
    """Options under their new names, once for each of their values."""
    words: list[str] = []
    several = ""
    for word in arguments:
        option, equals, value = word.partition("=")
        if option in names:
            several = "" if equals else names[option]
            words += [names[option], value] if equals else []
        elif several and not word.startswith("-"):
            words += [several, word]
        else:
            several = ""
            words.append(word)
    return words


def _with_action(words: Sequence[str]) -> list[str]:
    """What `fdp-bench demos` did by option, as an action with its file."""
    for place, word in enumerate(words):
        option, equals, file = word.partition("=")
        if option in _DEMOS_ACTIONS:
            behind = [file] if equals else list(words[place + 1 : place + 2])
            rest = words[place + 1 if equals else place + 2 :]
            return [_DEMOS_ACTIONS[option], *behind, *words[:place], *rest]
    return ["collect", *words]
