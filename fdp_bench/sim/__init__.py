"""The fast path: robosuite's physics stepped in compiled code, pictures drawn from a model of their own.

`physics` makes and resets robosuite's environment untouched; `stepper` takes its control steps, with the law of
`osc` for the `arm` that it finds, or leaves them to robosuite; `safety` reads figures off them. `drawn` compiles
the second model, the one that cameras see, with reduced meshes and hidden distractors; `scene` is what shifts may
touch of it; `renderer` draws it on the process's one OpenGL context (`gl`). Modules are imported by name: this
package itself imports nothing heavy.
"""
