"""The fast path: physics stepped by robosuite, pictures drawn from a model of their own.

`physics` makes and resets robosuite's environment untouched; `drawn` compiles the second model, the one that
cameras see, with reduced meshes and hidden distractors; `scene` is what shifts may touch of it; `renderer`
draws it on the process's one OpenGL context (`gl`). Modules are imported by name: this package itself imports
nothing heavy.
"""
