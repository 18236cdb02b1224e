"""Keys of config.json that leave the scores of one forward pass alone, and what activations are called.

Source: PreTrainedConfig, BertConfig and ModernBertConfig of transformers 4.48 to 5.23, and the keys that
Sentence Transformers adds. A key that is not here and that no reader asks for is refused.
"""

from __future__ import annotations

from rankladder.checkpoint.network import Activation

TRAINING = {
    "attention_dropout",
    "attention_probs_dropout_prob",
    "classifier_dropout",
    "embedding_dropout",
    "gradient_checkpointing",
    "hidden_dropout_prob",
    "initializer_cutoff_factor",
    "initializer_range",
    "layerdrop",
    "mlp_dropout",
    "problem_type",
}

BOOKKEEPING = {
    "adapters",  # the list that the library adapters keeps; transformers' own adapters are files, and refused
    "architectures",
    "attn_implementation",
    "chunk_size_feed_forward",
    "dtype",
    "export_model_type",  # what the library optimum exported
    "finetuning_task",
    "id2label",
    "label2id",
    "model_type",
    "name_or_path",
    "num_labels",
    "output_attentions",
    "output_hidden_states",
    "output_past",  # transformers of 2019: whether a decoder gives its cache
    "return_dict",
    "task_specific_params",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tie_word_embeddings",
    "tokenizer_class",
    "torch_dtype",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
}

TOKEN_IDS = {f"{word}_token_id" for word in ("bos", "cls", "decoder_start", "eos", "mask", "pad", "sep", "unk")}

GENERATION = {
    "assistant_confidence_threshold",
    "assistant_lookbehind",
    "bad_words_ids",
    "begin_suppress_tokens",
    "cross_attention_hidden_size",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "encoder_repetition_penalty",
    "epsilon_cutoff",
    "eta_cutoff",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_assistant_tokens",
    "num_assistant_tokens_schedule",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "prefix",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "suppress_tokens",
    "target_lookbehind",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
}

SCORE_DISPLAY = {"sbert_ce_default_activation_function", "sentence_transformers"}
"""What Sentence Transformers does to a logit before it shows it; a score here is the raw logit."""

POOLER = {
    "directionality",
    "pooler_fc_size",
    "pooler_num_attention_heads",
    "pooler_num_fc_layers",
    "pooler_size_per_head",
    "pooler_type",
}
"""Of Google's multilingual and Chinese BERT, and all that were made from them: no version of BertModel reads them."""

BERT_HARMLESS_OTHERS = {
    "cell",  # these four: TinyBERT's and rubert-tiny's; BertModel is as wide as hidden_size
    "emb_size",
    "eos_token_ids",  # transformers of early 2020
    "language",  # these two: what the library FARM wrote into configs
    "name",
    "pre_trained",
    "structure",
    "summary_activation",  # these four: ELECTRA's head, left in configs that were converted from it
    "summary_last_dropout",
    "summary_type",
    "summary_use_proj",
    "xla_device",  # of models that were trained on a TPU in 2020
}
"""Keys of released models of the family that BertConfig never had: transformers keeps them and reads none."""

HARMLESS = TRAINING | BOOKKEEPING | TOKEN_IDS | GENERATION | SCORE_DISPLAY

BERT_HARMLESS = HARMLESS | POOLER | BERT_HARMLESS_OTHERS

MODERNBERT_HARMLESS = HARMLESS | {
    "decoder_bias",  # the masked-language-model head's
    "deterministic_flash_attn",
    "layer_norm_eps",  # left over from the BERT config that it was copied from: norm_eps is the one that is read
    "position_embedding_type",  # likewise: positions are always rotary
    "reference_compile",
    "repad_logits_with_grad",
    "sparse_pred_ignore_index",
    "sparse_prediction",
}

ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "linear": "identity",
}
"""transformers' name → ours."""

TORCH_ACTIVATIONS: dict[str, Activation] = {
    "torch.nn.modules.activation.GELU": "gelu",
    "torch.nn.modules.activation.ReLU": "relu",
    "torch.nn.modules.activation.SiLU": "silu",
    "torch.nn.modules.activation.Sigmoid": "sigmoid",
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.linear.Identity": "identity",
}
"""The class that Sentence Transformers names, made without arguments → ours."""
