<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="en">
<context>
    <name>RunWords</name>
    <message numerus="yes">
        <source>Cancelled &apos;%1&apos;; %n finished picture(s) kept.</source>
        <translation>
            <numerusform>Cancelled &apos;%1&apos;; %n finished picture kept.</numerusform>
            <numerusform>Cancelled &apos;%1&apos;; %n finished pictures kept.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Finished &apos;%1&apos;: %n picture(s).</source>
        <translation>
            <numerusform>Finished &apos;%1&apos;: %n picture.</numerusform>
            <numerusform>Finished &apos;%1&apos;: %n pictures.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>moescope::CommandPalette</name>
    <message numerus="yes">
        <source>%n more: type on to find them.</source>
        <translation>
            <numerusform>%n more: type on to find them.</numerusform>
            <numerusform>%n more: type on to find them.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>moescope::ErrorBox</name>
    <message numerus="yes">
        <source>This has happened %n times now.</source>
        <translation>
            <numerusform>This has happened %n time now.</numerusform>
            <numerusform>This has happened %n times now.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>moescope::HistoryModel</name>
    <message numerus="yes">
        <source>%n picture(s)</source>
        <translation>
            <numerusform>%n picture</numerusform>
            <numerusform>%n pictures</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>moescope::HistoryPanel</name>
    <message numerus="yes">
        <source>%n run(s), %1 of %2</source>
        <translation>
            <numerusform>%n run, %1 of %2</numerusform>
            <numerusform>%n runs, %1 of %2</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>History holds %1, more than the %2 it may take. Delete the %n oldest run(s) without a star (%3)?</source>
        <translation>
            <numerusform>History holds %1, more than the %2 it may take. Delete the %n oldest run without a star (%3)?</numerusform>
            <numerusform>History holds %1, more than the %2 it may take. Delete the %n oldest runs without a star (%3)?</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>moescope::MainWindow</name>
    <message numerus="yes">
        <source>%n run(s) could not be written to the History folder and will be lost when the window closes. To keep one, choose it in History and save it to another folder.</source>
        <translation>
            <numerusform>One run could not be written to the History folder and will be lost when the window closes. To keep one, choose it in History and save it to another folder.</numerusform>
            <numerusform>%n runs could not be written to the History folder and will be lost when the window closes. To keep one, choose it in History and save it to another folder.</numerusform>
        </translation>
    </message>
</context>
</TS>
