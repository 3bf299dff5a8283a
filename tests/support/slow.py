"""Tests that are not quick: they take about a second of a core or more.

For each file, those that take longest first: how names of tests begin, or fixtures that are slow to
make, and with them every test that uses them. ``pytest --durations=50`` shows what belongs here.
What opens a window is slow too.
"""

SLOW = {
    "test_portable.py": ("study",),
    "experiments/roster/test_enrolling.py": ("test_everybody_does",),
    "analysis/sources/test_settings.py": (
        "test_groups_are_columns",
        "test_another_distance",
        "test_an_analysis_of_a_group",
        "test_without_groups",
    ),
    "analysis/test_trained.py": ("made", "test_the_networks"),
    "test_cli.py": (
        "study",
        "test_an_image_that_fails",
        "test_a_display_from_readings",
        "test_a_command_that_needs_torch",
        "test_control_c",
        "test_models_are_listed",
    ),
    "geometry/solvers/test_principal.py": (
        "test_no_worse_than_the_best_of_1000",
        "test_objective_grows",
        "test_a_start_is_gone_on_from",
        "test_a_seed_repeats",
        "test_converges",
        "test_three_pixels",
        "test_result_follows",
    ),
    "test_demo.py": ("done",),
    "stimuli/generation/test_workers.py": (
        "alone",
        "test_a_killed_workers_units",
    ),
    "analysis/test_figure2.py": ("figure2",),
    "stimuli/generation/test_trust.py": ("made",),
    "studies/test_verifying.py": ("finished",),
    "studies/archives/test_archives.py": ("study",),
    "analysis/sources/test_elsewhere.py": (
        "fitted",
        "test_oddity_comes_back",
        "test_bounds_stay",
        "test_single_trials",
    ),
    "experiments/sessions/test_set_aside.py": ("test_every_trial_is_answered",),
    "test_kill.py": ("test_a_killed_command",),
    "docs/test_pages.py": ("site",),
    "docs/test_tutorials.py": ("study",),
    "models/test_early_vision.py": ("test_equals_plenoptic",),
    "test_contributing.py": ("copy",),
    "stimuli/generation/test_builder.py": (
        "test_an_interrupted_run",
        "test_a_seed_repeats",
        "test_reading_a_set_needs_no_torch",
    ),
    "fuzz/test_fuzz.py": ("bench",),
    "fuzz/test_hostile.py": ("bench",),
    "stimuli/calibration/test_calibrating.py": (
        "test_two_that_calibrate_at_once",
        "test_its_identity_does_not_depend",
        "test_gain_and_scatter",
        "test_figures_have_a_line",
        "test_its_identity",
    ),
    "stimuli/generation/test_rivals.py": ("made",),
    "analysis/test_rivals.py": ("test_a_report_lists", "test_models_added"),
    "analysis/planning/test_plan.py": ("planned", "test_a_study_is_the_same"),
    "analysis/prediction/test_predicted_report.py": ("page", "test_without_responses"),
    "analysis/test_calibration.py": ("",),
    "analysis/test_digits.py": ("done", "test_damaged_weights"),
    "analysis/reporting/test_report.py": (
        "page",
        "test_a_failure_leaves",
        "test_bounds_sides",
        "test_text_from_files",
    ),
    "models/test_torchvision.py": (
        "test_attention",
        "test_taps_are",
        "test_a_grey_image",
        "test_networks_are_in_evaluation_mode",
        "test_preprocessing_is",
    ),
    "analysis/scoring/test_score.py": (
        "test_scale_of_sensitivities",
        "test_the_model_that_is_right",
        "test_swapping",
    ),
    "analysis/fitting/test_bootstrap.py": (
        "test_the_number_of_processes",
        "fitted",
    ),
    "models/test_representation.py": (
        "test_layers_that_cannot_be_read",
        "test_precision_is",
        "test_each_network_is_held_once",
        "test_an_origin_says",
        "test_another_number",
    ),
    "studies/test_checking.py": ("test_the_command_ends", "test_damaged_files"),
    "geometry/test_linearization.py": (
        "test_products_of_large_networks",
        "test_double_backward",
        "test_float32_agrees",
    ),
    "test_release.py": ("test_a_study_begins",),
    "experiments/sessions/test_model_sessions.py": (
        "test_a_session_stops_when",
        "test_a_resumed_session",
        "test_the_amplitude_alone",
        "test_trials_are_chosen",
        "test_a_session_stops_after",
        "test_a_changed_prediction",
    ),
    "studies/test_broken_fixation.py": ("test_status_and",),
    "displays/lab/test_trackers.py": ("test_nothing_waits",),
    "experiments/placement/models/test_belief.py": ("learned",),
    "experiments/placement/models/test_model_placements.py": (
        "test_all_is_measured",
        "test_the_model_that_people",
    ),
    "experiments/sessions/test_session.py": (
        "test_neither_torch",
        "test_a_killed_process",
        "test_the_answers_find",
        "test_any_method_goes_on",
    ),
    "analysis/test_score_command.py": ("finished", "test_scoring_again"),
    "analysis/scoring/test_mean_score.py": ("test_intervals_of_mean",),
    "analysis/scoring/test_ceiling.py": ("test_intervals_hold",),
    "analysis/layers/test_variance.py": (
        "test_interval_over_images",
        "test_chance_is_the_mean",
        "test_shares_are_those",
        "test_only_what",
        "test_noise_stays",
    ),
    "models/sources/test_checkpoint.py": ("test_full_size", "test_a_network_is_found"),
    "models/test_network_look.py": ("test_preprocessing_and_names_of_imagenet",),
    "models/test_unusual.py": ("test_what_works[two paths to one module, the first",),
    "models/sources/test_hubs.py": ("saved", "test_random_weights_and_those_of_a_file"),
    "models/sources/test_kinds.py": ("test_what_is_loaded[torch.compile",),
    "experiments/placement/test_adaptive.py": (
        "test_thresholds_are_recovered",
        "test_it_knows_and_asks",
    ),
    "experiments/logs/test_trial_log.py": ("test_one_process_at_a_time",),
    "analysis/fitting/test_fit.py": ("test_participants_tell_each_other",),
    "analysis/fitting/checks/test_goodness.py": ("test_no_flags",),
    "analysis/fitting/test_extreme_trials.py": ("test_twenty_thousand",),
    "analysis/fitting/test_exclusion.py": ("test_each_trial_is_kept",),
    "studies/test_standing.py": (
        "test_the_command_shortens",
        "test_a_session_more",
    ),
    "experiments/person/test_window.py": ("test_without_psychopy",),
    "experiments/logs/test_hash_chain.py": ("test_a_line_changed",),
    "experiments/test_design.py": ("test_seed_is_the_same",),
    "displays/test_figures.py": ("test_every_channel",),
    "models/sources/test_source.py": ("test_timm_says",),
    "fuzz/test_places.py": ("bench",),
    "docs/test_examples.py": ("test_examples_give",),
    "docs/test_gallery.py": ("told",),
    "test_imports.py": ("test_the_lab_machine",),
    "experiments/exports/test_exporting.py": (
        "test_exports_at_once",
        "test_a_killed_export",
    ),
    "analysis/test_results_folder.py": (
        "test_fit_and_scores_that_are_left",
        "test_a_command_waits",
    ),
    "models/test_lists.py": (
        "test_lists_are_values",
        "test_tuples_and_layers",
    ),
    "analysis/scoring/test_added_taps.py": ("scored",),
    "models/taps/test_operations.py": (
        "test_a_look",
        "test_derivatives",
        "test_names_are",
        "test_values_are",
        "test_what_timm",
    ),
    "geometry/noise/test_noise.py": ("test_it_is_the_fisher",),
    "geometry/solvers/test_dense_optimum.py": ("test_of_several_models",),
}

# Only in the long profile: more of what the others try.
LONG = {
    "analysis/test_calibration.py": (
        "test_neither_of_two_equal_models_wins",
        "test_no_model_wins_by_unequal_slopes",
        "test_people_who_answer_otherwise_are_flagged",
    ),
    "analysis/test_figure2.py": ("test_all_layers_of_a_recipe",),
    "analysis/fitting/test_fit.py": ("test_bootstrap_adds_an_interval",),
    "analysis/fitting/test_markov_chains.py": ("test_standard_deviations_are_those_of_the_chains",),
    "analysis/fitting/checks/test_curve.py": (
        "test_p_values_are_uniform",
        "test_sorted_by_it_adaptive_answers",
    ),
    "analysis/fitting/checks/test_discrepancy.py": ("test_p_values_of_adaptive_trials",),
    "analysis/scoring/test_score.py": ("test_interval_of_a_difference_covers_the_truth",),
    "experiments/exports/test_exporting.py": tuple(
        f"test_a_killed_export_leaves_nothing_that_matters[{number}]" for number in (2, 3)
    ),
    "fuzz/test_places.py": ("test_everything_at_every_place",),
    "geometry/solvers/test_dense_optimum.py": (
        "test_faults_are_noticed",
        "test_of_several_models_no_climb_from_noise_ends_higher[1]",
    ),
    "geometry/solvers/test_eigen.py": ("test_plenoptic_finds",),
    "geometry/solvers/test_depth.py": (
        "test_first_layers_that_stand_for_later_ones_climb_faster[1]",
    ),
    "geometry/solvers/test_preconditioner.py": (
        "test_the_edge_of_a_window_does_not_slow_the_inverse[0.5]",
    ),
    "geometry/solvers/test_principal.py": tuple(
        f"test_no_worse_than_the_best_of_1000_plain_gradient_ascents[{floor}-{count}]"
        for floor in (0.0, 0.1)
        for count in (4, 6, 7)
    ),
    "geometry/solvers/test_versions.py": ("test_",),
    "geometry/test_results.py": ("test_a_wider_tolerance_ends_sooner",),
    "stimuli/generation/test_visible.py": ("test_it_is_made_again_bit_by_bit",),
    "stimuli/generation/test_of_arrays.py": (
        "test_it_is_calibrated",
        "test_representations_are_asked",
    ),
    "stimuli/test_power_cut.py": ("test_a_set_that_is_generated",),
    "stimuli/generation/test_workers.py": ("test_a_process_that_is_killed_fails_its_unit_only",),
    "studies/test_deep_networks.py": ("test_from_init_to_the_reports",),
}
