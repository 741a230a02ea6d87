"""Which services know which others."""

from __future__ import annotations

SIBLINGS: dict[str, frozenset[str]] = {
    "adoption": frozenset({"engines", "finisher", "on_demand", "queue", "runner"}),
    "assets": frozenset({"quotas", "references", "stream_staging", "upload_fields"}),
    "assists": frozenset({"chat_fields", "chat_pictures", "language"}),
    "auth": frozenset({"tokens"}),
    "batches": frozenset(
        {"batch_views", "jobs", "order_size", "prompts", "submissions", "workflows"}
    ),
    "boards": frozenset({"library"}),
    "catalog": frozenset({"catalog_entries", "families"}),
    "catalog_search": frozenset({"catalog_entries", "families"}),
    "chat_calls": frozenset({"chat_requests", "chat_tools", "chat_turns"}),
    "chat_exports": frozenset({"chats"}),
    "chat_news": frozenset({"news"}),
    "chat_pictures": frozenset({"assets", "thumbnails"}),
    "chat_presets": frozenset({"chat_fields"}),
    "chat_replies": frozenset(
        {
            "chat_answers",
            "chat_calls",
            "chat_news",
            "chat_pictures",
            "chat_requests",
            "chat_tools",
            "chat_turns",
            "language",
        }
    ),
    "chat_tools": frozenset({"batches", "events", "jobs", "presets", "run_estimates", "workflows"}),
    "chats": frozenset(
        {
            "assets",
            "chat_calls",
            "chat_fields",
            "chat_news",
            "chat_presets",
            "chat_replies",
            "language",
        }
    ),
    "civitai_gallery": frozenset({"civitai_pictures", "thumbnails"}),
    "civitai_keeper": frozenset({"civitai_gallery", "civitai_pictures", "stream_staging"}),
    "civitai_pictures": frozenset({"civitai_models"}),
    "civitai_recipes": frozenset({"civitai_tools", "presets", "workflows"}),
    "civitai_tools": frozenset(
        {
            "assets",
            "civitai_gallery",
            "civitai_models",
            "civitai_pictures",
            "remote_references",
            "sources",
            "upload_fields",
        }
    ),
    "collector": frozenset({"engine", "queue", "run", "staging"}),
    "creation": frozenset({"engines", "jobs", "workflows"}),
    "devices": frozenset({"tokens"}),
    "diagnostics": frozenset({"settings", "system"}),
    "disk": frozenset({"model_users"}),
    "dispatcher": frozenset({"engines", "queue", "usage"}),
    "download_line": frozenset({"download_runs"}),
    "download_news": frozenset({"download_line", "downloads", "feed", "news"}),
    "download_runs": frozenset({"model_checks", "shelves"}),
    "download_wishes": frozenset({"download_runs"}),
    "download_work": frozenset({"download_line", "download_runs"}),
    "downloads": frozenset({"download_line", "download_runs", "download_wishes", "download_work"}),
    "drawing_models": frozenset({"presets", "workflows"}),
    "drawings": frozenset(
        {
            "assets",
            "batches",
            "creation",
            "drawing_models",
            "job_waits",
            "jobs",
            "picture_formats",
            "upload_fields",
        }
    ),
    "editor": frozenset({"editor_queue", "engine", "tokens"}),
    "editor_graphs": frozenset({"assets", "jobs", "workflow_library", "workflows"}),
    "editor_queue": frozenset({"engine"}),
    "editor_runs": frozenset({"engine", "pace", "queue", "runner"}),
    "engine_control": frozenset({"engines", "jobs", "queue"}),
    "engine_link": frozenset({"engine", "engine_process", "pace"}),
    "engine_lists": frozenset({"engines"}),
    "engine_process": frozenset({"engine", "pace"}),
    "engines": frozenset(
        {"background", "engine", "engine_link", "engine_process", "events", "pace"}
    ),
    "entrance": frozenset({"queue", "quotas"}),
    "feed": frozenset({"news"}),
    "fetch_plans": frozenset(
        {
            "download_credentials",
            "downloads",
            "engines",
            "fetches",
            "media_inputs",
            "model_cache",
            "model_checks",
        }
    ),
    "fetch_words": frozenset({"download_line"}),
    "films": frozenset(
        {"assists", "chat_fields", "chat_news", "chat_tools", "presets", "workflows"}
    ),
    "finisher": frozenset({"queue", "staging", "usage"}),
    "follower": frozenset({"collector", "engine", "pace", "queue", "run", "watchdog"}),
    "gpu_room": frozenset({"engines", "gpus", "language_needs"}),
    "gpu_time": frozenset({"durations", "queue"}),
    "grid_picture": frozenset({"batch_views", "batches", "label_fonts", "thumbnails"}),
    "health": frozenset({"engines"}),
    "history": frozenset({"durations", "engines", "jobs", "queue"}),
    "https_source": frozenset({"download_runs"}),
    "hub_search": frozenset({"civitai_models", "needed_models", "sources"}),
    "installs": frozenset({"catalog", "catalog_entries", "download_runs"}),
    "intake": frozenset({"engine", "queue"}),
    "job_news": frozenset({"events", "feed", "news", "queue"}),
    "job_waits": frozenset({"events", "jobs"}),
    "jobs": frozenset(
        {"download_credentials", "finisher", "follower", "queue", "queue_places", "submissions"}
    ),
    "joined_language": frozenset({"language"}),
    "known_models": frozenset({"catalog", "catalog_entries", "civitai_models", "model_facts"}),
    "language_answers": frozenset({"language_marks"}),
    "language_charges": frozenset({"quotas"}),
    "language_files": frozenset({"language_needs"}),
    "language_process": frozenset({"language_files"}),
    "language_talk": frozenset(
        {"language_answers", "language_files", "language_marks", "language_requests"}
    ),
    "library": frozenset({"indexer"}),
    "library_zips": frozenset({"library", "zip_stream"}),
    "live": frozenset(
        {
            "activity",
            "download_news",
            "downloads",
            "feed",
            "health",
            "job_news",
            "log_news",
            "machine_news",
            "news",
            "queue",
            "system",
            "system_news",
        }
    ),
    "local_language": frozenset(
        {
            "language",
            "language_answers",
            "language_files",
            "language_needs",
            "language_process",
            "language_talk",
        }
    ),
    "log_news": frozenset({"feed", "news"}),
    "logins": frozenset({"devices", "names", "passwords", "sessions", "throttle", "tokens"}),
    "lora_choices": frozenset({"catalog", "families"}),
    "machine_metrics": frozenset({"download_work", "pulse", "request_times"}),
    "machine_news": frozenset({"feed", "news"}),
    "media_inputs": frozenset({"assets", "download_credentials", "staging", "upload_fields"}),
    "metrics": frozenset({"engines", "queue"}),
    "model_actions": frozenset({"catalog", "model_files"}),
    "model_facts": frozenset({"families"}),
    "model_files": frozenset({"families", "model_facts"}),
    "model_manifest": frozenset(
        {"catalog", "catalog_entries", "download_runs", "installs", "model_files"}
    ),
    "model_needs": frozenset(
        {"catalog", "engines", "needed_models", "workflow_imports", "workflow_library"}
    ),
    "model_origins": frozenset({"catalog"}),
    "model_uploads": frozenset({"download_runs", "model_checks", "shelves", "upload_fields"}),
    "moving": frozenset({"backups"}),
    "needed_models": frozenset({"catalog_entries"}),
    "node_packs": frozenset({"engines", "health", "node_registry", "pack_rescue", "pack_work"}),
    "on_demand": frozenset(
        {
            "download_credentials",
            "download_line",
            "engines",
            "fetch_plans",
            "fetch_words",
            "fetches",
            "finisher",
            "media_inputs",
            "queue",
        }
    ),
    "order_size": frozenset({"submissions"}),
    "pack_rescue": frozenset({"engine"}),
    "pack_work": frozenset({"node_registry"}),
    "packages": frozenset({"assets", "zip_stream"}),
    "people": frozenset({"auth", "names", "sessions", "tokens"}),
    "presets": frozenset({"assets", "preset_fields", "workflows"}),
    "program_logins": frozenset({"auth", "rates", "throttle", "tokens"}),
    "prompts": frozenset({"preset_fields"}),
    "pulse": frozenset({"queue"}),
    "queue": frozenset({"events"}),
    "queue_control": frozenset({"queue"}),
    "queue_places": frozenset({"queue"}),
    "quotas": frozenset({"durations", "gpu_time", "queue"}),
    "rates": frozenset({"throttle"}),
    "reference_looks": frozenset(
        {"catalog", "catalog_entries", "installs", "model_checks", "model_facts"}
    ),
    "remote_language": frozenset({"language"}),
    "retention": frozenset({"library_rules", "uploads", "usage"}),
    "run": frozenset({"engine", "queue"}),
    "runner": frozenset(
        {"collector", "engine", "engines", "finisher", "pace", "queue", "run", "sender"}
    ),
    "sender": frozenset(
        {"assets", "collector", "engine", "engines", "follower", "pace", "queue", "run", "staging"}
    ),
    "sessions": frozenset({"tokens"}),
    "share_files": frozenset({"assets", "shares"}),
    "share_forms": frozenset({"presets", "tokens", "workflow_library"}),
    "share_runs": frozenset(
        {
            "assets",
            "batches",
            "jobs",
            "share_files",
            "share_forms",
            "shares",
            "throttle",
            "upload_fields",
        }
    ),
    "share_visits": frozenset(
        {"assets", "library", "passwords", "share_files", "shares", "throttle", "tokens"}
    ),
    "shares": frozenset({"assets", "boards", "passwords", "presets", "share_forms", "tokens"}),
    "sources": frozenset({"civitai_models", "remote_references"}),
    "staging": frozenset({"assets", "engine", "fetches", "output_batch"}),
    "startup": frozenset({"health"}),
    "stopping": frozenset({"background", "backups", "download_work", "queue"}),
    "submissions": frozenset(
        {
            "download_credentials",
            "engine",
            "engines",
            "entrance",
            "fetches",
            "intake",
            "media_inputs",
            "on_demand",
            "queue",
            "quotas",
            "staging",
        }
    ),
    "system": frozenset({"engines", "gpus", "health", "queue", "startup"}),
    "system_news": frozenset({"feed", "health", "news"}),
    "telegram_link": frozenset({"telegram_heard"}),
    "telegram_people": frozenset({"tokens"}),
    "update_image": frozenset({"update_source"}),
    "update_trial": frozenset({"engine", "engines"}),
    "update_work": frozenset({"update_source"}),
    "updates": frozenset(
        {"health", "update_failure", "update_image", "update_source", "update_work"}
    ),
    "upload_fields": frozenset({"model_checks"}),
    "uploads": frozenset({"assets", "quotas", "upload_fields"}),
    "warmup": frozenset({"auth", "engines", "jobs", "queue", "submissions"}),
    "watchdog": frozenset({"engine", "run"}),
    "webhook_delivery": frozenset({"pace"}),
    "webhook_news": frozenset({"download_line", "downloads", "engine"}),
    "webhook_progress": frozenset({"events", "queue"}),
    "webhooks": frozenset({"health"}),
    "workflow_imports": frozenset({"assets", "engines", "workflow_library"}),
    "workflow_library": frozenset({"engines", "workflows"}),
    "workflows": frozenset({"assets", "engines", "jobs", "order_size", "submissions"}),
}
"""Which services know which others. Most meet in queue, events and engines; the chain of one job
(submissions, intake, dispatcher, runner, sender, follower, collector, finisher) knows its next
link."""
