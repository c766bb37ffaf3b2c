"""Declines OpenVINO's and NNCF's telemetry; to be imported before either of them.

Both report to their makers that they were imported and what they converted, unless somebody has declined, and fork to
do so, which may hang beside the threads of PyTorch and JAX. Nobody who calls edgehand has been asked.
"""

from contextlib import suppress

# Without this package of theirs, they report nothing.
with suppress(ModuleNotFoundError):
    from openvino_telemetry.main import Telemetry
    from openvino_telemetry.utils.opt_in_checker import ConsentCheckResult, OptInChecker

    OptInChecker.check = lambda *_, **__: ConsentCheckResult.DECLINED
    # Where somebody imported OpenVINO before edgehand, there is one already; otherwise it says that there is none.
    with suppress(RuntimeError):
        Telemetry().consent = False
