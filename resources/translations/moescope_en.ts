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
    <name>moescope::CanvasView</name>
    <message numerus="yes">
        <source>The run stopped after %n evaluation(s); what was finished is shown.</source>
        <translation>
            <numerusform>The run stopped after %n evaluation; what was finished is shown.</numerusform>
            <numerusform>The run stopped after %n evaluations; what was finished is shown.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Cancelled after %n evaluation(s); what was finished is shown.</source>
        <translation>
            <numerusform>Cancelled after %n evaluation; what was finished is shown.</numerusform>
            <numerusform>Cancelled after %n evaluations; what was finished is shown.</numerusform>
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
    <name>moescope::OverlayLegend</name>
    <message numerus="yes">
        <source>Class tokens (%1), not in the picture</source>
        <translation>
            <numerusform>Class token (%1), not in the picture</numerusform>
            <numerusform>Class tokens (%1), not in the picture</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Tokens not in the picture (%1)</source>
        <translation>
            <numerusform>Token not in the picture (%1)</numerusform>
            <numerusform>Tokens not in the picture (%1)</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 of %2 experts lead somewhere here</source>
        <translation>
            <numerusform>%1 of %2 experts leads somewhere here</numerusform>
            <numerusform>%1 of %2 experts lead somewhere here</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>moescope::TimelineDock</name>
    <message numerus="yes">
        <source>waiting for the first of %n evaluation(s)</source>
        <translation>
            <numerusform>waiting for the first of %n evaluation</numerusform>
            <numerusform>waiting for the first of %n evaluations</numerusform>
        </translation>
    </message>
</context>
</TS>
