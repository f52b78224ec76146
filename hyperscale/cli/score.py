"""hyperscale score"""

from hyperscale.cli.options import Data, Json, Runs, UnsafeNoSandbox


def score(runs: Runs, data: Data = None, unsafe_no_sandbox: UnsafeNoSandbox = False, json: Json = False) -> None:
    """Grade stored chains again with the present grader; nothing is generated."""
    from hyperscale.cli.output import print_json, results_only, stdout
    from hyperscale.cli.progress import progress

    with results_only(), progress("grading") as listener:
        from hyperscale.commands.report import Report
        from hyperscale.commands.score import score as command

        scored = Report(tuple(command(runs, data=data, unsafe_no_sandbox=unsafe_no_sandbox, listener=listener)))
    if json:
        print_json(scored.to_json())
        return
    console = stdout()
    console.print(scored.table(console.width))
