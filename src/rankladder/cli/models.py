"""``rankladder models``: the catalogue."""

from __future__ import annotations

import click

from rankladder.cli.output import Form, form_options, print_json, print_table, resolve_form


@click.command()
@form_options
def models(form: Form | None) -> None:
    """List the models that rankladder knows: size, licence, published quality, and whether they are on this machine.

    nDCG@10 is the publisher's figure: the mean over the retrieval tasks of MTEB(eng, v2), the top 100 of six embedders.

    \b
    rankladder models
    """
    from rankladder.catalogue import all_models
    from rankladder.checkpoint import is_local

    rows = [(model, is_local(model)) for model in all_models()]
    if resolve_form(form) == "json":
        for model, here in rows:
            print_json(
                {
                    "name": model.name,
                    "hub_id": model.hub_id,
                    "revision": model.revision,
                    "architecture": model.architecture,
                    "layers": model.layers,
                    "width": model.width,
                    "parameters": model.parameters,
                    "max_tokens": model.max_tokens,
                    "licence": model.licence,
                    "mteb_ndcg_at_10": model.mteb_ndcg,
                    "nanobeir_ndcg_at_10": model.nanobeir_ndcg,
                    "engines": list(model.engines),
                    "local": here,
                }
            )
        return
    print_table(
        ["name", "parameters", "layers", "width", "max tokens", "nDCG@10", "licence", "engines", "here", "hub id"],
        [
            [
                model.name,
                f"{model.parameters / 1e6:.1f}M",
                model.layers,
                model.width,
                model.max_tokens,
                "" if model.mteb_ndcg is None else f"{model.mteb_ndcg:.4f}",
                model.licence,
                ", ".join(model.engines),
                "yes" if here else "no",
                model.hub_id or "",
            ]
            for model, here in rows
        ],
        right=range(1, 6),
    )
