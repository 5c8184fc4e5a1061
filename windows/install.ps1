<#
.SYNOPSIS
Installs the Shoal agent of this folder as a Windows service. Run it as administrator; twice does no harm.
.DESCRIPTION
For Windows PowerShell 5.1 and later, Windows Server 2016 and later. What it changes it writes down in install.json in
the service folder, and uninstall.ps1 takes that back, nothing else. -WhatIf shows what would be done.
.PARAMETER Config
agent.yaml of this host. It must be there: "shoal config agent --sample" writes one to begin with.
.PARAMETER DataDir
The agent's dataDir. Give it when agent.yaml says another one than the default.
.PARAMETER ServiceDir
Where the service's program, its configuration and install.json lie.
.PARAMETER LogDir
Where the agent writes its log files.
.PARAMETER Node
node.exe that runs the agent; by default the one beside this folder, else the one on the PATH.
.PARAMETER Shoal
shoal.js of this copy of Shoal.
.PARAMETER WinSW
WinSW's program (https://github.com/winsw/winsw), which is not part of Shoal; by default WinSW*.exe in this folder.
.PARAMETER PeerPort
peer.port of agent.yaml: where other agents fetch pieces, opened in the firewall.
.PARAMETER RemoteAddress
Who may come to that port, as New-NetFirewallRule takes it.
.PARAMETER SkipFirewall
Leaves the firewall alone.
.PARAMETER SkipAntivirus
Leaves Defender alone. Without an exclusion every piece is scanned as it is written.
.PARAMETER SetupDocker
Points this host's Docker Engine at the agent's proxy: what "shoal setup docker" prints is run, with the proxy's
certificate in certs.d. Needs proxy: true and registries in agent.yaml. Docker is not restarted.
.PARAMETER QosDscp
Marks what leaves the peer port with this DSCP value, such as 8 (lower effort), by a QoS policy.
.PARAMETER Ledbat
Sends what leaves the peer port under LEDBAT, which gives way to all other traffic. Windows Server 2019 and later.
#>
[CmdletBinding(SupportsShouldProcess = $true)]
param(
  [string] $Config = (Join-Path $env:ProgramData 'shoal\agent.yaml'),
  [string] $DataDir = (Join-Path $env:ProgramData 'shoal\agent'),
  [string] $ServiceDir = (Join-Path $env:ProgramFiles 'shoal\service'),
  [string] $LogDir = (Join-Path $env:ProgramData 'shoal\logs'),
  [string] $Node = '',
  [string] $Shoal = (Join-Path $PSScriptRoot '..\packages\cli\bin\shoal.js'),
  [string] $WinSW = '',
  [ValidateRange(1, 65535)] [int] $PeerPort = 7610,
  [string[]] $RemoteAddress = @('Any'),
  [switch] $SkipFirewall,
  [switch] $SkipAntivirus,
  [switch] $SetupDocker,
  [ValidateRange(0, 63)] [int] $QosDscp = 0,
  [switch] $Ledbat
)
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

$service = 'shoal-agent'
$record = Join-Path $ServiceDir 'install.json'
$program = Join-Path $ServiceDir 'shoal-agent.exe'
$eventSource = "HKLM:\SYSTEM\CurrentControlSet\Services\EventLog\Application\$service"

function Get-Done {
  $done = @{}
  if (Test-Path -LiteralPath $record) {
    $read = Get-Content -LiteralPath $record -Raw | ConvertFrom-Json
    foreach ($property in $read.PSObject.Properties) { $done[$property.Name] = $property.Value }
  }
  return $done
}

# Written down after each step, so that one that is cut off can be taken back, too.
function Save-Done([string] $Name, $Value) {
  $script:done[$Name] = $Value
  $text = ConvertTo-Json -InputObject $script:done
  [IO.File]::WriteAllText($record, $text)
}

function Find-Node {
  if ($Node -ne '') { return (Resolve-Path -LiteralPath $Node).Path }
  $beside = Join-Path $PSScriptRoot '..\node.exe'
  if (Test-Path -LiteralPath $beside) { return (Resolve-Path -LiteralPath $beside).Path }
  $found = Get-Command -Name 'node.exe' -CommandType Application -ErrorAction SilentlyContinue
  if ($null -eq $found) { throw 'There is no node.exe. Give -Node, or install Node 20.19 or later.' }
  return @($found)[0].Source
}

function Find-WinSW {
  if ($WinSW -ne '') { return (Resolve-Path -LiteralPath $WinSW).Path }
  $found = @(Get-ChildItem -LiteralPath $PSScriptRoot -Filter 'WinSW*.exe')
  if ($found.Count -eq 0) { throw 'There is no WinSW*.exe beside this script. Put it there, or give -WinSW.' }
  return $found[0].FullName
}

function Add-Folder {
  foreach ($folder in @($ServiceDir, $DataDir, $LogDir)) {
    if (Test-Path -LiteralPath $folder) { continue }
    if ($PSCmdlet.ShouldProcess($folder, 'make the folder')) { $null = New-Item -ItemType Directory -Path $folder }
  }
}

# Keys, tokens and blobs: for the system and administrators only.
function Add-FolderAcl {
  if ($done.ContainsKey('FolderAcl')) { return }
  if (-not $PSCmdlet.ShouldProcess($DataDir, 'let only SYSTEM and administrators in')) { return }
  $acl = Get-Acl -LiteralPath $DataDir
  Save-Done 'FolderAcl' @{ path = $DataDir; sddl = $acl.Sddl }
  $acl.SetAccessRuleProtection($true, $false)
  foreach ($rule in @($acl.Access)) { $null = $acl.RemoveAccessRule($rule) }
  # By their ids: the names are other ones in other languages.
  foreach ($sid in @('S-1-5-18', 'S-1-5-32-544')) {
    $who = New-Object -TypeName Security.Principal.SecurityIdentifier -ArgumentList $sid
    $arguments = @($who, 'FullControl', 'ContainerInherit,ObjectInherit', 'None', 'Allow')
    $acl.AddAccessRule((New-Object -TypeName Security.AccessControl.FileSystemAccessRule -ArgumentList $arguments))
  }
  Set-Acl -LiteralPath $DataDir -AclObject $acl
}

function Add-AntivirusExclusion {
  if ($SkipAntivirus -or $done.ContainsKey('AntivirusExclusion')) { return }
  if ($null -eq (Get-Command -Name 'Add-MpPreference' -ErrorAction SilentlyContinue)) {
    Write-Warning "Defender is not here. Exclude $DataDir from the scanner there is."
    return
  }
  if (@((Get-MpPreference).ExclusionPath) -contains $DataDir) { return }
  if (-not $PSCmdlet.ShouldProcess($DataDir, 'exclude from Defender')) { return }
  Add-MpPreference -ExclusionPath $DataDir
  Save-Done 'AntivirusExclusion' $DataDir
}

function Add-FirewallRule {
  if ($SkipFirewall) { return }
  if ($null -ne (Get-NetFirewallRule -Name $service -ErrorAction SilentlyContinue)) {
    if (-not $PSCmdlet.ShouldProcess($service, 'set the firewall rule')) { return }
    Set-NetFirewallRule -Name $service -Protocol TCP -LocalPort $PeerPort -RemoteAddress $RemoteAddress
    return
  }
  if (-not $PSCmdlet.ShouldProcess("TCP port $PeerPort", 'open in the firewall')) { return }
  $rule = @{ Name = $service; DisplayName = 'Shoal agent'; Direction = 'Inbound'; Action = 'Allow'; Protocol = 'TCP' }
  $null = New-NetFirewallRule @rule -LocalPort $PeerPort -RemoteAddress $RemoteAddress
  Save-Done 'FirewallRule' $service
}

function Add-QosPolicy {
  if ($QosDscp -eq 0) { return }
  if ($null -ne (Get-NetQosPolicy -Name $service -ErrorAction SilentlyContinue)) { return }
  if (-not $PSCmdlet.ShouldProcess("TCP port $PeerPort", "mark with DSCP $QosDscp")) { return }
  $policy = @{ Name = $service; IPProtocolMatchCondition = 'TCP'; IPSrcPortMatchCondition = $PeerPort }
  $null = New-NetQosPolicy @policy -DSCPAction $QosDscp -NetworkProfile All
  Save-Done 'QosPolicy' $service
}

function Add-Ledbat {
  if (-not $Ledbat -or $done.ContainsKey('Ledbat')) { return }
  if (-not $PSCmdlet.ShouldProcess("TCP port $PeerPort", 'send under LEDBAT')) { return }
  $before = (Get-NetTCPSetting -SettingName 'InternetCustom').CongestionProvider
  Save-Done 'Ledbat' @{ provider = "$before"; port = $PeerPort }
  Set-NetTCPSetting -SettingName 'InternetCustom' -CongestionProvider LEDBAT
  $filter = @{ SettingName = 'InternetCustom'; Protocol = 'TCP'; LocalPortStart = $PeerPort; LocalPortEnd = $PeerPort }
  $null = New-NetTransportFilter @filter
}

# By the program that the agent writes with: it takes no source that was made in another way.
function Add-EventSource {
  if (Test-Path -LiteralPath $eventSource) { return }
  if (-not $PSCmdlet.ShouldProcess($service, 'make a source of the Application event log')) { return }
  $eventcreate = Join-Path $env:SystemRoot 'System32\eventcreate.exe'
  $null = & $eventcreate /L APPLICATION /T INFORMATION /SO $service /ID 1 /D 'The Shoal agent is installed.'
  if ($LASTEXITCODE -ne 0) {
    Write-Warning "The source $service of the event log could not be made ($LASTEXITCODE). The agent tries it itself."
    return
  }
  Save-Done 'EventSource' $eventSource
}

function Add-AgentService {
  $there = Get-Service -Name $service -ErrorAction SilentlyContinue
  if (-not $PSCmdlet.ShouldProcess($service, 'install and start the service')) { return }
  if ($null -ne $there) { Stop-Service -Name $service }
  Copy-Item -LiteralPath $winswPath -Destination $program -Force
  $xml = [IO.File]::ReadAllText((Join-Path $PSScriptRoot 'shoal-agent.xml'))
  $values = @{ NODE = $nodePath; SHOAL = $shoalPath; CONFIG = $configPath; LOGS = $LogDir }
  foreach ($name in $values.Keys) {
    $xml = $xml.Replace("@$name@", [Security.SecurityElement]::Escape($values[$name]))
  }
  [IO.File]::WriteAllText((Join-Path $ServiceDir 'shoal-agent.xml'), $xml)
  if ($null -eq $there) {
    & $program install
    if ($LASTEXITCODE -ne 0) { throw "WinSW could not install the service ($LASTEXITCODE)." }
  }
  Save-Done 'AgentService' $service
  Start-Service -Name $service
}

function Add-DockerSetup {
  if (-not $SetupDocker) { return }
  if (-not $PSCmdlet.ShouldProcess('the Docker Engine', "point it at the agent's proxy")) { return }
  $authority = Join-Path $DataDir 'proxy-ca.crt'
  for ($seconds = 0; $seconds -lt 60 -and -not (Test-Path -LiteralPath $authority); $seconds++) {
    Start-Sleep -Seconds 1
  }
  $lines = @(& $nodePath $shoalPath setup docker --config $configPath)
  if ($LASTEXITCODE -ne 0) { throw 'shoal setup docker failed; what it said stands above.' }
  Save-Done 'DockerSetup' @{ node = $nodePath; shoal = $shoalPath; config = $configPath }
  & ([ScriptBlock]::Create($lines -join "`n"))
  Write-Warning 'The Docker Engine uses its new settings after: Restart-Service docker'
}

$done = Get-Done
$nodePath = Find-Node
$winswPath = Find-WinSW
$shoalPath = (Resolve-Path -LiteralPath $Shoal).Path
$configPath = (Resolve-Path -LiteralPath $Config).Path
Add-Folder
Add-FolderAcl
Add-AntivirusExclusion
Add-FirewallRule
Add-QosPolicy
Add-Ledbat
Add-EventSource
Add-AgentService
Add-DockerSetup
