// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/translations.h"

#include <QCoreApplication>
#include <QLibraryInfo>
#include <QLocale>
#include <QTranslator>

#include "ui/icons.h"

namespace moescope {

void installTranslations(QCoreApplication& application, const QString& localeName) {
    registerResources();
    const QLocale locale(localeName);
    QLocale::setDefault(locale);

    const QString folder = QStringLiteral(":/translations"), prefix = QStringLiteral("_");
    auto* ours = new QTranslator(&application);
    // The English file has only the plurals: "1 run", "2 runs".
    if (ours->load(locale, QStringLiteral("moescope"), prefix, folder) || ours->load(QStringLiteral("moescope_en"), folder))
        QCoreApplication::installTranslator(ours);

    // Qt's own texts in another language than ours would make a mixture.
    auto* qt = new QTranslator(&application);
    if (qt->load(QLocale(ours->language()), QStringLiteral("qtbase"), prefix, QLibraryInfo::path(QLibraryInfo::TranslationsPath)))
        QCoreApplication::installTranslator(qt);
}

}  // namespace moescope
