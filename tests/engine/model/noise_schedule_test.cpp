// SPDX-License-Identifier: GPL-3.0-or-later
// Noise schedules of diffusers configurations, held against published values and their own definition.
#include "engine/model/noise_schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

using nlohmann::json;

NoiseSchedule schedule(const json& config) {
    return parseNoiseSchedule(config, "test").orThrow();
}

std::string refusal(const json& config) {
    const auto parsed = parseNoiseSchedule(config, "test");
    return parsed.ok() ? "" : parsed.error().message;
}

TEST(NoiseSchedule, HasTheTablesOfThePublishedSchedules) {
    // Values of torch in double: 1 - linspace(...), cumprod.
    const NoiseSchedule linear = schedule({{"beta_schedule", "linear"}});
    ASSERT_EQ(linear.steps(), 1000);
    EXPECT_EQ(linear.alphaBar.front(), 1 - 1e-4);
    EXPECT_NEAR(linear.alphaBar[500], 0.07779665836502389, 1e-12);
    EXPECT_NEAR(linear.alphaBar.back() / 4.0358297653756754e-05, 1, 1e-11);
    const NoiseSchedule scaled =
        schedule({{"beta_schedule", "scaled_linear"}, {"beta_start", 0.00085}, {"beta_end", 0.012}});
    EXPECT_NEAR(scaled.alphaBar[500], 0.2763326838229746, 1e-12);
    EXPECT_NEAR(scaled.alphaBar.back() / 0.004660098513077238, 1, 1e-11);
    const NoiseSchedule cosine = schedule({{"beta_schedule", "squaredcos_cap_v2"}, {"num_train_timesteps", 400}});
    ASSERT_EQ(cosine.steps(), 400);
    // Where no beta is cut off the product telescopes to f((i+1)/n) / f(0).
    const auto f = [](double u) { return std::pow(std::cos((u + 0.008) / 1.008 * std::acos(-1.0) / 2), 2); };
    EXPECT_NEAR(cosine.alphaBar[199], f(0.5) / f(0), 1e-12);
    EXPECT_NEAR(cosine.alphaBar[399] / cosine.alphaBar[398], 0.001, 1e-12);
    const NoiseSchedule trained = schedule({{"trained_betas", {0.1, 0.5}}});
    EXPECT_NEAR(trained.alphaBar[1], 0.45, 1e-15);
}

TEST(NoiseSchedule, FindsFractionalTimestepsAndKeepsToItsEnds) {
    const NoiseSchedule s = schedule({{"trained_betas", {0.1, 0.5, 0.5}}});  // 0.9, 0.45, 0.225
    EXPECT_EQ(s.indexOf(0.9), 0);
    EXPECT_EQ(s.indexOf(1.0), 0);
    EXPECT_DOUBLE_EQ(s.indexOf(0.675), 0.5);
    EXPECT_DOUBLE_EQ(s.indexOf(0.45), 1);
    EXPECT_DOUBLE_EQ(s.indexOf(0.28125), 1.75);
    EXPECT_EQ(s.indexOf(0.225), 2);
    EXPECT_EQ(s.indexOf(0.0), 2);
    EXPECT_DOUBLE_EQ(s.alphaBarAt(1.75), 0.28125);
    EXPECT_DOUBLE_EQ(s.alphaBarAt(-3), 0.9);
    EXPECT_DOUBLE_EQ(s.alphaBarAt(7), 0.225);
    const NoiseSchedule whole = schedule(json::object());
    double before = -1;
    for (int i = 1000; i >= 0; --i) {
        const double t = i / 1000.0, index = whole.indexOfFlowTime(t), inside = t * t / (t * t + (1 - t) * (1 - t));
        EXPECT_GE(index, before);
        before = index;
        if (inside < whole.alphaBar.front() && inside > whole.alphaBar.back()) {
            EXPECT_NEAR(whole.alphaBarAt(index), inside, 1e-14) << t;
        }
    }
    EXPECT_EQ(before, 999);
}

TEST(NoiseSchedule, SplitsEveryTargetIntoTheSameNoiseAndData) {
    const double data = 0.7, noise = -1.3;
    for (const double abar : {0.999, 0.5, 0.01}) {
        const double a = std::sqrt(abar), s = std::sqrt(1 - abar), x = a * data + s * noise;
        for (const auto& [target, value] : {std::pair{NoiseTarget::Noise, noise},
                                            {NoiseTarget::Data, data},
                                            {NoiseTarget::Velocity, a * noise - s * data}}) {
            const NoiseAndData found = splitPrediction(target, abar, x, value);
            EXPECT_NEAR(found.noise, noise, 1e-13);
            EXPECT_NEAR(found.data, data, 1e-13);
        }
    }
}

TEST(NoiseSchedule, WhatItDoesNotKnowGetsASentence) {
    EXPECT_EQ(
        refusal({{"beta_schedule", "sigmoid"}}),
        "the noise schedule should give beta_schedule as linear, scaled_linear or squaredcos_cap_v2, found sigmoid");
    EXPECT_EQ(
        refusal({{"prediction_type", "flow_prediction"}}),
        "the noise schedule should give prediction_type as epsilon, v_prediction or sample, found flow_prediction");
    EXPECT_EQ(refusal({{"beta_end", 1.5}}),
              "the noise schedule should give beta_end as a number between 0 and 1, found 1.5");
    EXPECT_EQ(refusal({{"num_train_timesteps", 2.5}}),
              "the noise schedule should give num_train_timesteps as a whole number, found 2.5");
    EXPECT_NE(refusal({{"num_train_timesteps", 1e9}}), "");
    EXPECT_NE(refusal({{"trained_betas", {0.1, "x"}}}), "");
    EXPECT_NE(refusal({{"trained_betas", json::array()}}), "");
    EXPECT_NE(refusal({{"rescale_betas_zero_snr", true}}), "");
    EXPECT_NE(refusal({{"beta_start", 0.9}, {"beta_end", 0.99}}), "");
    EXPECT_NE(refusal(json::array()), "");
}

TEST(NoiseSchedule, IsFoundInTheFolderOrInSchedulerBesideIt) {
    const test::TemporaryFolder folder;
    const auto unet = folder.path() / "unet";
    std::filesystem::create_directories(unet);
    std::filesystem::create_directories(folder.path() / "scheduler");
    EXPECT_FALSE(findNoiseSchedule(unet).orThrow().has_value());
    std::ofstream(folder.path() / "scheduler" / "scheduler_config.json") << R"({"prediction_type": "v_prediction"})";
    EXPECT_EQ(findNoiseSchedule(unet).orThrow()->target, NoiseTarget::Velocity);
    std::ofstream(unet / "scheduler_config.json") << R"({"prediction_type": "sample", "num_train_timesteps": 10})";
    const auto inside = findNoiseSchedule(unet).orThrow();
    EXPECT_EQ(inside->target, NoiseTarget::Data);
    EXPECT_EQ(inside->steps(), 10);
    std::ofstream(unet / "scheduler_config.json") << R"({"beta_schedule": "sigmoid"})";
    EXPECT_EQ(findNoiseSchedule(unet).error().message,
              "the noise schedule should give beta_schedule as linear, scaled_linear or squaredcos_cap_v2, found "
              "sigmoid (scheduler_config.json)");
}

}  // namespace
}  // namespace moescope
