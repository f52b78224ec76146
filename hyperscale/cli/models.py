"""hyperscale models"""

from hyperscale.cli.options import Json


def models(json: Json = False) -> None:
    """List the bundled models, known checkpoints with learned heads, and what else can be run."""
    from hyperscale.cli.listing_tables import models_table
    from hyperscale.cli.output import print_json, results_only, stdout

    with results_only():
        from hyperscale.commands.listings import models as command

        found = command()
    if json:
        print_json(found.to_dict())
    else:
        stdout().print(models_table(found))
