<#
.SYNOPSIS
Takes the Shoal agent's service off this host, and back what install.ps1 changed. Run it as administrator.
.DESCRIPTION
For Windows PowerShell 5.1 and later. Only what stands in install.json in the service folder is taken back. The data
folder stays, with its blobs and the agent's key, unless -RemoveData is given. -WhatIf shows what would be done.
.PARAMETER ServiceDir
As it was given to install.ps1.
.PARAMETER DataDir
As it was given to install.ps1.
.PARAMETER LogDir
As it was given to install.ps1.
.PARAMETER RemoveData
Deletes the data folder and the log folder, too.
#>
[CmdletBinding(SupportsShouldProcess = $true)]
param(
  [string] $ServiceDir = (Join-Path $env:ProgramFiles 'shoal\service'),
  [string] $DataDir = (Join-Path $env:ProgramData 'shoal\agent'),
  [string] $LogDir = (Join-Path $env:ProgramData 'shoal\logs'),
  [switch] $RemoveData
)
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

$record = Join-Path $ServiceDir 'install.json'
$program = Join-Path $ServiceDir 'shoal-agent.exe'
$done = @{}
if (Test-Path -LiteralPath $record) {
  $read = Get-Content -LiteralPath $record -Raw | ConvertFrom-Json
  foreach ($property in $read.PSObject.Properties) { $done[$property.Name] = $property.Value }
}

# First: the script that undoes it needs the data folder.
function Remove-DockerSetup {
  if (-not $done.ContainsKey('DockerSetup')) { return }
  if (-not $PSCmdlet.ShouldProcess('the Docker Engine', 'bring its old settings back')) { return }
  $made = $done['DockerSetup']
  $lines = @(& $made.node $made.shoal setup docker --undo --config $made.config)
  if ($LASTEXITCODE -ne 0) { throw 'shoal setup docker --undo failed; what it said stands above.' }
  & ([ScriptBlock]::Create($lines -join "`n"))
  Write-Warning 'The Docker Engine uses its old settings after: Restart-Service docker'
}

function Remove-AgentService {
  if (-not $done.ContainsKey('AgentService')) { return }
  $name = $done['AgentService']
  if ($null -eq (Get-Service -Name $name -ErrorAction SilentlyContinue)) { return }
  if (-not $PSCmdlet.ShouldProcess($name, 'stop and remove the service')) { return }
  Stop-Service -Name $name
  & $program uninstall
  if ($LASTEXITCODE -ne 0) { throw "WinSW could not remove the service ($LASTEXITCODE)." }
}

# What is in the event log stays there; the Event Viewer then shows its text after a sentence about a missing source.
function Remove-EventSource {
  if (-not $done.ContainsKey('EventSource')) { return }
  $source = $done['EventSource']
  if (-not (Test-Path -LiteralPath $source)) { return }
  if (-not $PSCmdlet.ShouldProcess($source, 'remove the source of the event log')) { return }
  Remove-Item -LiteralPath $source -Recurse
}

function Remove-Ledbat {
  if (-not $done.ContainsKey('Ledbat')) { return }
  $made = $done['Ledbat']
  if (-not $PSCmdlet.ShouldProcess("TCP port $($made.port)", 'end LEDBAT')) { return }
  Get-NetTransportFilter -SettingName 'InternetCustom' |
    Where-Object -FilterScript { $_.LocalPortStart -eq $made.port -and $_.LocalPortEnd -eq $made.port } |
    Remove-NetTransportFilter -Confirm:$false
  Set-NetTCPSetting -SettingName 'InternetCustom' -CongestionProvider $made.provider
}

function Remove-QosPolicy {
  if (-not $done.ContainsKey('QosPolicy')) { return }
  if (-not $PSCmdlet.ShouldProcess($done['QosPolicy'], 'remove the QoS policy')) { return }
  Get-NetQosPolicy -Name $done['QosPolicy'] -ErrorAction SilentlyContinue | Remove-NetQosPolicy -Confirm:$false
}

function Remove-FirewallRule {
  if (-not $done.ContainsKey('FirewallRule')) { return }
  if (-not $PSCmdlet.ShouldProcess($done['FirewallRule'], 'remove the firewall rule')) { return }
  Get-NetFirewallRule -Name $done['FirewallRule'] -ErrorAction SilentlyContinue | Remove-NetFirewallRule
}

function Remove-AntivirusExclusion {
  if (-not $done.ContainsKey('AntivirusExclusion')) { return }
  if (-not $PSCmdlet.ShouldProcess($done['AntivirusExclusion'], 'exclude from Defender no more')) { return }
  Remove-MpPreference -ExclusionPath $done['AntivirusExclusion']
}

function Remove-FolderAcl {
  if (-not $done.ContainsKey('FolderAcl')) { return }
  $made = $done['FolderAcl']
  if ($RemoveData -or -not (Test-Path -LiteralPath $made.path)) { return }
  if (-not $PSCmdlet.ShouldProcess($made.path, 'bring the old permissions back')) { return }
  $acl = Get-Acl -LiteralPath $made.path
  $acl.SetSecurityDescriptorSddlForm($made.sddl)
  Set-Acl -LiteralPath $made.path -AclObject $acl
}

function Remove-Folder {
  $folders = @($ServiceDir)
  if ($RemoveData) { $folders = @($ServiceDir, $DataDir, $LogDir) }
  foreach ($folder in $folders) {
    if (-not (Test-Path -LiteralPath $folder)) { continue }
    if ($PSCmdlet.ShouldProcess($folder, 'delete the folder')) { Remove-Item -LiteralPath $folder -Recurse -Force }
  }
}

Remove-DockerSetup
Remove-AgentService
Remove-EventSource
Remove-Ledbat
Remove-QosPolicy
Remove-FirewallRule
Remove-AntivirusExclusion
Remove-FolderAcl
Remove-Folder
