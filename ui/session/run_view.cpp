// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/run_view.h"

namespace moescope {

RunViewPtr viewOf(std::shared_ptr<const RunRecord> record, RunId id, RunState state, std::filesystem::path file) {
    auto view = std::make_shared<RunView>();
    view->id = id;
    view->state = state;
    view->parameters = record->parameters;
    view->classIds = record->classIds;
    view->images = record->images;
    view->latentShape = record->latentShape;
    view->precision = record->precision;
    view->previewHeight = record->previewHeight;
    view->previewWidth = record->previewWidth;
    view->plannedEvaluations = static_cast<int>(record->evaluations.size());
    for (const EvaluationRecord& evaluation : record->evaluations) view->evaluations.emplace_back(record, &evaluation);
    view->routing = std::shared_ptr<const RoutingTrace>(record, &record->routing);
    view->pictures.resize(static_cast<size_t>(record->images));
    for (size_t image = 0; image < record->pictures.size() && image < view->pictures.size(); ++image)
        if (record->pictures[image].width > 0) view->pictures[image] = {record, &record->pictures[image]};
    view->file = std::move(file);
    view->record = std::move(record);
    return view;
}

}  // namespace moescope
